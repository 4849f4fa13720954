namespace Mooring.Operator.Reconciliation;

/// <summary>What reconciling says besides events and conditions.</summary>
internal static partial class Log
{
    [LoggerMessage(200, LogLevel.Warning, "May not read {Kind}, and goes on without: {Error}")]
    public static partial void OptionalKindForbidden(ILogger logger, string kind, string error);

    [LoggerMessage(201, LogLevel.Information, "The cluster has {Kind}")]
    public static partial void OptionalKindFound(ILogger logger, string kind);

    [LoggerMessage(203, LogLevel.Warning, "Cannot tell whether the cluster has {Kind}: {Error}; again in {Delay}")]
    public static partial void OptionalKindUnknown(ILogger logger, string kind, string error, TimeSpan delay);

    [LoggerMessage(202, LogLevel.Information, "The cluster has no {Kind} any more")]
    public static partial void OptionalKindLost(ILogger logger, string kind);
}
