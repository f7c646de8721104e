"""`vigil incidents`: what people on call see of incidents, and what they say of them."""
