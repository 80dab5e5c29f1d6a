"""Messages of the widget that have buttons: the end of a run, the contrast, and CT images."""

from qtpy.QtCore import QObject

from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2._qt.model_controller import ModelController
from napari_sam2._qt.panels.ct_window import CtWindowPanel
from napari_sam2._qt.panels.status import RemedyButton, StatusPanel
from napari_sam2._qt.timeline.review import ReviewController
from napari_sam2.analysis.run_summary import RunSummary

_CONTRAST_CHANGED = "The contrast of the layer changed. The model still uses the earlier one."


class Notices(QObject):
    """Adds buttons to messages about the model, its input and its results.

    Parameters
    ----------
    status : StatusPanel
        Shows the messages; owner.
    controller : SegmentationController
        Reports what has happened.
    models : ModelController
        Loads a larger model.
    review : ReviewController
        Goes to the worst frame of a run.
    ct_window : CtWindowPanel
        Uses a window of CT values.
    """

    def __init__(
        self,
        status: StatusPanel,
        controller: SegmentationController,
        models: ModelController,
        review: ReviewController,
        ct_window: CtWindowPanel,
    ) -> None:
        super().__init__(status)
        self._status = status
        self._model_input = controller.model_input
        self._models = models
        self._review = review
        self._ct_window = ct_window
        controller.state.contrast_changed.connect(self._contrast_changed)
        controller.state.run_summarized.connect(self._run_summarized)
        ct_window.suggested.connect(self._offer_ct_window)

    def _run_summarized(self, summary: RunSummary) -> None:
        larger = self._models.larger() if summary.advice else None
        buttons = (self._review.jump_button(summary), larger)
        self._status.show_notice(self._status.notice.text(), [made for made in buttons if made])

    def _contrast_changed(self) -> None:
        shown = self._status.notice.text() == _CONTRAST_CHANGED
        outdated = self._model_input.outdated()
        if outdated and not shown:
            update = RemedyButton(
                "Update the contrast of the model",
                "Use the present contrast and colors of the layer for the model.",
                self._model_input.update,
            )
            self._status.show_notice(_CONTRAST_CHANGED, (update,))
        elif shown and not outdated:
            self._status.clear_notice()

    def _offer_ct_window(self) -> None:
        apply = self._ct_window.apply
        use = RemedyButton(apply.text(), apply.toolTip(), self._ct_window.use)
        text = "This image is a CT. Its whole range leaves few gray levels for soft tissue."
        self._status.show_notice(text, (use,))
