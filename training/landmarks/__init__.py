"""The landmark network: data, training, measurement and export."""
