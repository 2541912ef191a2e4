"""Scores images at an endpoint.

endpoint_scorer   an endpoint as a scorer
endpoint_errors   why scoring ends
image_call        which signature takes images, and how images are sent to it
answers           what came back, read as confidences and checked
versions          which version of the model is asked
replicas          several addresses of one model, in turn
pacing            budgets and rates
transport         what a protocol is to the client, and how a request may fail
grpc_transport    gRPC
rest_transport    REST
"""
