"""Many scenarios on many images in many variants: one combined result."""
