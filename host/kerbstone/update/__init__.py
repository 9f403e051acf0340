"""Updates: signed here, published, followed until every device runs them."""
