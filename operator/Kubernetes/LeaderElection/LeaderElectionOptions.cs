namespace Mooring.Kubernetes.LeaderElection;

/// <summary>On which lease to stand, and how patiently. The times are client-go's, but for the lease's: two seconds beyond the deadline are enough where each side counts on a monotonic clock.</summary>
public sealed record LeaderElectionOptions
{
    public required string Namespace { get; init; }

    /// <summary>Name of the Lease; created when it is not there.</summary>
    public required string Name { get; init; }

    /// <summary>Who stands; must be unique. Default: host name and a random part.</summary>
    public string Identity { get; init; } = $"{Environment.MachineName}_{Guid.NewGuid():N}";

    /// <summary>How long the others wait after the last renewal they saw before they take the lease. 1 s or more; default 12 s.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(12);

    /// <summary>How long a leader that cannot renew goes on. Less than <see cref="LeaseDuration"/>; default 10 s.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Between tries. At most half of <see cref="RenewDeadline"/>; default 2 s. Those that wait look twice as often, spread by up to 20 %.</summary>
    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Gives the lease up on an orderly end, so that the next leader need not wait. Default true.</summary>
    public bool ReleaseOnStop { get; init; } = true;

    internal LeaderElectionOptions Checked()
    {
        ArgumentException.ThrowIfNullOrEmpty(Namespace);
        ArgumentException.ThrowIfNullOrEmpty(Name);
        ArgumentException.ThrowIfNullOrEmpty(Identity);
        ArgumentOutOfRangeException.ThrowIfLessThan(LeaseDuration, TimeSpan.FromSeconds(1));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(RenewDeadline, LeaseDuration);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RetryPeriod * 2, RenewDeadline);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(RetryPeriod, TimeSpan.Zero);
        return this;
    }
}
