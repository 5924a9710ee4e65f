"""Operations: the kinds of request that are no generation. They travel by identity; a shape is written only where a provider really has
another wire for one. Values only, like the dialects; `proxy.operate` drives them."""
