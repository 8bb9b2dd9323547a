"""The tiny random decoders of make_models.py: their cases, their files, and what transformers makes of them."""
