"""What one answer rests on: words with weights, by SHAP, LIME or attention, and a page of them."""
