"""How the best parameters of a family are searched."""
