"""Local AWS: moto as the endpoint, the synthesised template as the truth."""
