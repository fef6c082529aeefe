SELECT set_config('slipway.after', %(after)s, true), set_config('slipway.upto', %(upto)s, true)
