namespace Mooring.Operator.Run;

/// <summary>What the operator's process says of itself.</summary>
internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Information, "Health on port {Port}")]
    public static partial void Serving(ILogger logger, int port);

    [LoggerMessage(108, LogLevel.Information, "Admin API, page and metrics on port {Port}")]
    public static partial void ServingAdmin(ILogger logger, int port);

    [LoggerMessage(101, LogLevel.Information, "Stream of the gateways on port {Port}, dialled as {Url}")]
    public static partial void Streaming(ILogger logger, int port, string url);

    [LoggerMessage(102, LogLevel.Information, "Reconciling, term {Epoch}")]
    public static partial void Working(ILogger logger, long epoch);

    [LoggerMessage(103, LogLevel.Critical, "{Error}")]
    public static partial void Failed(ILogger logger, string error);

    [LoggerMessage(104, LogLevel.Warning, "Could not set the leader's label on the operator's pod: {Error}")]
    public static partial void LabelFailed(ILogger logger, string error);

    [LoggerMessage(105, LogLevel.Warning, "Could not check the stream's certificates: {Error}; again in {Delay}")]
    public static partial void CertificatesFailed(ILogger logger, string error, TimeSpan delay);

    [LoggerMessage(106, LogLevel.Information, "external.metrics.k8s.io on port {Port}")]
    public static partial void ServingMetricsApi(ILogger logger, int port);

    [LoggerMessage(107, LogLevel.Warning, "HorizontalPodAutoscalers cannot read how many gateways are wanted: {Problem}")]
    public static partial void MetricsApiFailed(ILogger logger, string problem);

    [LoggerMessage(
        111,
        LogLevel.Warning,
        "The metrics API refused {Subject}, issued by {Issuer}: no client of the request-header CA that kube-system/extension-apiserver-authentication names"
    )]
    public static partial void MetricsApiRefused(ILogger logger, string subject, string issuer);

    [LoggerMessage(109, LogLevel.Warning, "{Kind}: {Note}")]
    public static partial void Trouble(ILogger logger, Troubles.TroubleKind kind, string note);

    [LoggerMessage(110, LogLevel.Information, "{Kind} is {Note}")]
    public static partial void TroubleOver(ILogger logger, Troubles.TroubleKind kind, string note);

    [LoggerMessage(108, LogLevel.Error, "Fleets are left as they are until this may be read: {Missing}")]
    public static partial void Blind(ILogger logger, string missing);
}
