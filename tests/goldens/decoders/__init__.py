"""The tiny random decoders of make_models.py: cases, files, and what transformers makes of them."""
