"""HAProxy in front of the revisions: splits traffic by the declared weights, logs every request.

Documented behaviour that lives here: Cloud Run's request metrics under the names and labels of Cloud
Monitoring's PromQL; requests and WebSockets that stay with their instance when the split changes.
"""
