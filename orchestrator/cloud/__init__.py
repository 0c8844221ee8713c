"""What may be made, changed and taken away on a cloud: decided here, by the resource and by where its system stands."""
