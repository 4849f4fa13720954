namespace Mooring.Operator.AdminApi;

internal static partial class Log
{
    [LoggerMessage(400, LogLevel.Information, "Admin API: {Caller} did {Operation} at {Path}")]
    public static partial void Done(ILogger logger, string caller, string operation, PathString path);

    [LoggerMessage(401, LogLevel.Error, "Admin API: {Operation} at {Path} failed")]
    public static partial void Failed(ILogger logger, Exception error, string operation, PathString path);
}
