"""What is in a dataset: its figures, counted in one pass, and a page that shows them."""
