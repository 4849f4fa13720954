using Mooring.Operator.Gateways;
using Mooring.Operator.Host.Processes;

namespace Mooring.Operator.Host;

/// <summary>What every fleet of a host works with.</summary>
internal sealed record HostContext
{
    public required HostOptions Options { get; init; }

    public required GatewayHub Hub { get; init; }

    public required ProcessMonitor Monitor { get; init; }

    public required Watchdog Watchdog { get; init; }

    public required ChildEnvironment Environment { get; init; }

    public required GatewayRevisions Revisions { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Runs an action on the supervisor's loop, which owns all state. For any thread.</summary>
    public required Action<Action> Post { get; init; }

    /// <summary>Tells people what happens. For any thread.</summary>
    public required Action<string> Say { get; init; }

    /// <summary>Unix socket of the streams.</summary>
    public required string StreamPath { get; init; }
}
