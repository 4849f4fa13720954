namespace Mooring.Contracts.Tuning;

/// <summary>Where a kernel setting lives, which decides who can set it.</summary>
public enum SysctlScope
{
    /// <summary>One value for the whole host: the node tuner sets it.</summary>
    Host,

    /// <summary>One value per network namespace, copied from the host when a pod starts: the tuner sets it, for pods started later; a pod may set its own.</summary>
    Inherited,

    /// <summary>One value per network namespace, which starts with the kernel's default whatever the host has: only the pod sets it.</summary>
    Pod,
}

/// <summary>How a wanted value compares with the one that is there.</summary>
public enum SysctlComparison
{
    /// <summary>A limit: a higher number is as good, and is never lowered.</summary>
    AtLeast,

    /// <summary>Numbers or words that have to be these.</summary>
    Exact,
}

/// <summary>A kernel setting that Mooring knows.</summary>
/// <param name="Name">As <c>sysctl(8)</c> prints it.</param>
/// <param name="Scope">Where it lives.</param>
/// <param name="Comparison">What counts as tuned.</param>
/// <param name="Numbers">How many whole numbers the value consists of; 0: a word.</param>
/// <param name="SafeSince">Kernel from which the kubelet allows it in any pod; null: never, or not a pod's setting.</param>
/// <param name="Source">Kernel or kubelet source that says so.</param>
public sealed record SysctlDefinition(
    string Name,
    SysctlScope Scope,
    SysctlComparison Comparison,
    int Numbers,
    Version? SafeSince,
    string Source
)
{
    /// <summary>Numbers that it takes; a kernel that is asked for another refuses it, and a pod that asks for it does not start. Null: as many as fit.</summary>
    public (long Least, long Most)? Bounds { get; init; }

    /// <summary>A list of ports and ranges of them, such as 8080,9000-9010.</summary>
    public bool IsPortList { get; init; }

    /// <summary>A pod may set it without being allowed to by its node's kubelet.</summary>
    public bool IsSafeInPod => SafeSince is not null;

    /// <summary>A pod can set it, safe or not.</summary>
    public bool IsForPods => Scope == SysctlScope.Pod || IsSafeInPod;

    /// <summary>The tuner can set it on a node.</summary>
    public bool IsForNodes => Scope != SysctlScope.Pod;
}
