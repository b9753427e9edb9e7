"""What the page's working processes do: one module a method."""
