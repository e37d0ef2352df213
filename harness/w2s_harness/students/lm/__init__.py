"""Language models: loading, text, readouts, generation, finetuning."""
