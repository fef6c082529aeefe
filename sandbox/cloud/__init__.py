"""Stand-ins for the Google Cloud services that the product uses, served to the official clients.

One folder per service, with the documented behaviour and limits of that service. The modules beside the
folders are shared by them: operations, errors, routes, listening sockets, the state on disk.
"""
