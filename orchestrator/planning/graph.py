"""Dependencies as a graph of integers: strongly connected groups (cycles move together) in topological order."""

from __future__ import annotations

from collections.abc import Sequence


def groups_of(needs: Sequence[Sequence[int]]) -> list[list[int]]:
    """Strongly connected components, each sorted; a component comes after everything that it needs.

    ``needs[i]`` are the nodes that node i depends on. Tarjan (1972), without recursion: 20,000 systems may form one chain.
    """
    count = len(needs)
    index, low, on_stack = [-1] * count, [0] * count, [False] * count
    stack: list[int] = []
    found: list[list[int]] = []
    counter = 0
    for root in range(count):
        if index[root] >= 0:
            continue
        work = [(root, 0)]
        while work:
            node, at = work.pop()
            if at == 0:
                index[node] = low[node] = counter
                counter += 1
                stack.append(node)
                on_stack[node] = True
            descend = False
            for position in range(at, len(needs[node])):
                other = needs[node][position]
                if index[other] < 0:
                    work += [(node, position + 1), (other, 0)]
                    descend = True
                    break
                if on_stack[other]:
                    low[node] = min(low[node], index[other])
            if descend:
                continue
            if low[node] == index[node]:
                component = []
                while True:
                    other = stack.pop()
                    on_stack[other] = False
                    component.append(other)
                    if other == node:
                        break
                found.append(sorted(component))
            if work:
                parent = work[-1][0]
                low[parent] = min(low[parent], low[node])
    return found


def closure(start: int, needs: Sequence[Sequence[int]], *, limit: int | None = None) -> list[int]:
    """The node and everything it needs, directly or not; at most ``limit`` nodes, in the order they were met."""
    seen = {start}
    order = [start]
    for node in order:
        for other in needs[node]:
            if other not in seen:
                seen.add(other)
                order.append(other)
                if limit is not None and len(order) >= limit:
                    return order
    return order
