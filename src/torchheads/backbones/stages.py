"""The stages of a network, from input to output: what is frozen, and what gets a learning rate of its own."""

from collections.abc import Iterator

from torch import nn

CONTAINERS = frozenset({"model", "features", "encoder", "layers", "blocks", "stages", "trunk_output"})
"""Names that networks give to the child that only holds the others one after another."""


def find_stages(network: nn.Module) -> list[nn.Module]:
    """Cut a network into stages by its children, in the order in which it lists them.

    A child begins a stage if it has a kernel or a matrix; what has none (norms, activations, pooling, dropout) belongs
    to the stage before, as do parameters that no child owns, such as a class token. Children that only hold others
    (`CONTAINERS`) are looked into. So a ResNet has its stem and four stages, a vision transformer its patches and one
    stage a block, ConvNeXt, EfficientNet and MobileNet one stage an entry of ``features``. `Backbone.stages` is this
    unless a backbone knows better.

    Args:
        network: what is cut; its children are listed in the order in which they are run.

    Returns:
        Modules that together hold every parameter once; none for a network without parameters.

    Example:
        >>> layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 4))
        >>> [[type(part).__name__ for part in stage] for stage in find_stages(layers)]
        [['Conv2d', 'BatchNorm2d', 'ReLU', 'Flatten'], ['Linear']]
    """
    if next(network.parameters(), None) is None:
        return []
    groups: list[list[nn.Module]] = [[]]
    kernels = [0]  # of each group; the first group takes what comes before any kernel
    for part in parts(network):
        count = 0 if isinstance(part, nn.ParameterList) else sum(weight.ndim > 1 for weight in part.parameters())
        if count and kernels[-1]:
            groups.append([])
            kernels.append(0)
        groups[-1].append(part)
        kernels[-1] += count
    return [nn.ModuleList(group) for group in groups]


def parts(network: nn.Module) -> Iterator[nn.Module]:
    """The children of a network, those of its containers in their place; loose parameters first, as a list.

    Example:
        >>> [type(part).__name__ for part in parts(nn.ModuleDict({"features": nn.Sequential(nn.ReLU(), nn.Tanh())}))]
        ['ReLU', 'Tanh']
    """
    loose = list(network.parameters(recurse=False))
    if loose:
        yield nn.ParameterList(loose)
    for name, child in network.named_children():
        if name in CONTAINERS and next(child.children(), None) is not None:
            yield from parts(child)
        else:
            yield child
