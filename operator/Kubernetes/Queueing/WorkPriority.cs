namespace Mooring.Kubernetes.Queueing;

/// <summary>How soon an item of a <see cref="WorkQueue{T}"/> is to be looked at.</summary>
public enum WorkPriority
{
    /// <summary>For completeness' sake: what was there already when work began, and what is only looked at again.</summary>
    Low,

    /// <summary>Something has changed.</summary>
    Normal,
}
