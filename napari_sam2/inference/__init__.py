"""The model on one frame: predictors, views, previews and refinement."""
