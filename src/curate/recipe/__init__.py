"""What a training run is told: augmentation policy and curriculum, with their file formats."""
