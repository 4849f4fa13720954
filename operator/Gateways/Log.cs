namespace Mooring.Operator.Gateways;

/// <summary>Log lines of the streams; ids 300 to 319.</summary>
internal static partial class Log
{
    [LoggerMessage(300, LogLevel.Information, "gateway connected: {Fleet} {Gateway}, version {Version}, process {ProcessId}")]
    public static partial void GatewayConnected(ILogger logger, string fleet, string gateway, string version, int processId);

    [LoggerMessage(301, LogLevel.Information, "gateway disconnected: {Fleet} {Gateway}: {Reason}")]
    public static partial void GatewayDisconnected(ILogger logger, string fleet, string gateway, string reason);

    [LoggerMessage(302, LogLevel.Warning, "stream from {Peer} refused: {Reason}")]
    public static partial void GatewayRefused(ILogger logger, string peer, string reason);
}
