namespace Mooring.Operator.Planning;

/// <summary>Types and reasons of a fleet's conditions.</summary>
public static class FleetConditions
{
    /// <summary>What the spec asks for is in force and serves.</summary>
    public const string Ready = "Ready";

    /// <summary>The fleet is on its way to what the spec asks for.</summary>
    public const string Progressing = "Progressing";

    /// <summary>The fleet was ready, and something of it failed since.</summary>
    public const string Degraded = "Degraded";

    /// <summary>Nodes and pods are as <c>spec.nodeTuning</c> wants them. Only there where it wants anything.</summary>
    public const string NodesTuned = "NodesTuned";

    /// <summary>Every gateway takes the connections that the spec asks of it: no limit of its process, pod or node is in the way.</summary>
    public const string LimitsSufficient = "LimitsSufficient";

    /// <summary>The gateways reach the registry that they share; absent where they share none. Its reasons.</summary>
    public const string RegistryConnected = "RegistryConnected";
    public const string RegistryDegraded = "RegistryDegraded";
    public const string RegistryNotConfigured = "RegistryNotConfigured";
    public const string RegistryNotReported = "RegistryNotReported";

    /// <summary>The number of gateways follows the load. Only there where somebody is to scale the fleet.</summary>
    public const string ScalingActive = "ScalingActive";

    /// <summary>The workloads' pods follow the connections. Only there where one is to.</summary>
    public const string WorkloadScalingActive = "WorkloadScalingActive";

    public const string True = "True";
    public const string False = "False";

    /// <summary>The spec is not good; the message has every field error.</summary>
    public const string Invalid = "Invalid";

    /// <summary>The cluster refused a write.</summary>
    public const string ApplyFailed = "ApplyFailed";

    /// <summary>The operator may not read what the fleet consists of; the message says which right is missing.</summary>
    public const string Forbidden = "Forbidden";

    /// <summary>Fewer gateways are ready than wanted.</summary>
    public const string GatewaysNotReady = "GatewaysNotReady";

    /// <summary>A backend has fewer endpoints than wanted, or none.</summary>
    public const string BackendsNotReady = "BackendsNotReady";

    /// <summary>A gateway refused the config; the message has its errors.</summary>
    public const string ConfigRefused = "ConfigRefused";

    /// <summary>A gateway closes connections or accepts none, for want of memory or descriptors; the message has its figures.</summary>
    public const string Overloaded = "Overloaded";

    /// <summary>A certificate's or CA's new content is no good; the message has which and why. What was before serves on.</summary>
    public const string CertificatesRejected = "CertificatesRejected";

    /// <summary>A gateway has not yet said that the config is in force.</summary>
    public const string ConfigPending = "ConfigPending";

    /// <summary>Gateways of a new revision are starting.</summary>
    public const string RolloutSurging = "RolloutSurging";

    /// <summary>Gateways of an older revision are being emptied.</summary>
    public const string RolloutDraining = "RolloutDraining";

    /// <summary>Settings differ on a node or in a pod; the message has the first, status.tuning more.</summary>
    public const string SettingsDiffer = "SettingsDiffer";

    /// <summary>Not every node's tuner has reported on the settings that are wanted now.</summary>
    public const string TunersPending = "TunersPending";

    /// <summary>A gateway takes fewer connections than the spec asks of it.</summary>
    public const string CapacityCapped = "CapacityCapped";

    /// <summary>A gateway takes the connections that the spec asks of it, and ports, memory or its node allow fewer.</summary>
    public const string LimitsTooLow = "LimitsTooLow";

    /// <summary>No gateway has reported its limits yet.</summary>
    public const string NoReports = "NoReports";

    /// <summary>The autoscaler has no tolerance of its own: its bounds say how many.</summary>
    public const string FollowingByBounds = "FollowingByBounds";

    /// <summary>The load wants more than the maximum.</summary>
    public const string AtMaximum = "AtMaximum";

    public const string Unknown = "Unknown";

    /// <summary>Surplus gateways are being emptied.</summary>
    public const string ScalingIn = "ScalingIn";

    /// <summary>A rollout makes no progress; the message says why. Older gateways serve on.</summary>
    public const string RolloutStalled = "RolloutStalled";

    public const string Paused = "Paused";
    public const string Deleting = "Deleting";
    public const string Serving = "Serving";
    public const string Complete = "Complete";
    public const string AsWanted = "AsWanted";
}
