"""What OPTIONS says of an address: its own methods, and not those of a pattern that the address fits as well.

`/messages/batch` also looks like `/messages/{id}`, and werkzeug adds up the methods of both.
"""

from flask import Response, current_app, request


def tell(response: Response) -> Response:
    """After each request. RFC 9110 section 9.3.7."""
    rule = request.url_rule
    if request.method == "OPTIONS" and rule is not None:
        same = (one.methods or set() for one in current_app.url_map.iter_rules() if one.rule == rule.rule)
        response.headers["Allow"] = ", ".join(sorted(set().union(*same)))
    return response
