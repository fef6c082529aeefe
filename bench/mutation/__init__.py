"""Mutation testing of ``plugins/slipway/analysis``: do the tests notice when a decision is made otherwise?"""
