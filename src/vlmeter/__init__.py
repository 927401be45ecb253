"""VLMeter: what a vision-language model costs and how well it answers."""
