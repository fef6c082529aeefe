SELECT set_config('slipway.session', %(token)s, false)
