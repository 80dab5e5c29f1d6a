"""Background jobs of the widget, and the controller that submits them."""
