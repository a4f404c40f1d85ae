"""What the notebooks of the book use besides natgrad: drawings in its style, and checks of exercises."""
