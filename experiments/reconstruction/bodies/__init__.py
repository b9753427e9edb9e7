"""Bodies: people in pictures, asked point by point, and everything handed to the user."""
