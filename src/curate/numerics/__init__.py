"""Pure array maths: probabilities, neighbours, metrics, intervals, projection."""
