namespace Mooring.Operator.Planning;

/// <summary>The one place where labels of a fleet's objects are made.</summary>
public static class ResourceLabels
{
    /// <summary>Name of the fleet.</summary>
    public const string Fleet = "mooring.dev/fleet";

    /// <summary><see cref="GatewayRole"/>, <see cref="BackendRole"/>, <see cref="TunerRole"/>, <see cref="TrialRole"/> or <see cref="MetricsRole"/>.</summary>
    public const string Role = "mooring.dev/role";

    /// <summary>Revision of the pod template, on gateways.</summary>
    public const string Revision = "mooring.dev/revision";

    /// <summary>Name of the backend, on backends.</summary>
    public const string Backend = "mooring.dev/backend";

    public const string ManagedBy = "app.kubernetes.io/managed-by";

    public const string Manager = "mooring";

    public const string GatewayRole = "gateway";

    public const string BackendRole = "backend";

    public const string TunerRole = "tuner";

    public const string TrialRole = "sysctl-trial";

    /// <summary>Of the Service that leads to the gateways' metrics, which must not be taken for the clients'.</summary>
    public const string MetricsRole = "metrics";

    /// <summary>Label selector of everything of every fleet, for watches.</summary>
    public const string ManagedSelector = ManagedBy + "=" + Manager;

    /// <summary>Label selector of everything of one fleet.</summary>
    public static string Selector(string fleet) => $"{ManagedSelector},{Fleet}={fleet}";

    /// <summary>Label selector of a fleet's gateway pods, of every revision.</summary>
    public static string GatewaySelector(string fleet) => $"{Fleet}={fleet},{Role}={GatewayRole}";

    internal static Dictionary<string, string> ForGateway(string fleet) => For(fleet, GatewayRole, "mooring-gateway");

    internal static Dictionary<string, string> ForBackend(string fleet, string backend) =>
        new()
        {
            ["app.kubernetes.io/component"] = BackendRole,
            ["app.kubernetes.io/instance"] = fleet,
            [ManagedBy] = Manager,
            ["app.kubernetes.io/name"] = "mooring-backend",
            [Backend] = backend,
            [Fleet] = fleet,
            [Role] = BackendRole,
        };

    internal static Dictionary<string, string> ForTuner(string fleet) => For(fleet, TunerRole, "mooring-tuner");

    internal static Dictionary<string, string> ForTrial(string fleet) => For(fleet, TrialRole, "mooring-sysctl-trial");

    internal static Dictionary<string, string> ForMetrics(string fleet) => For(fleet, MetricsRole, "mooring-gateway");

    internal static Dictionary<string, string> MetricsMatch(string fleet) => new() { [Fleet] = fleet, [Role] = MetricsRole };

    internal static Dictionary<string, string> TrialMatch(string fleet) => new() { [Fleet] = fleet, [Role] = TrialRole };

    internal static Dictionary<string, string> TunerMatch(string fleet) => new() { [Fleet] = fleet, [Role] = TunerRole };

    internal static Dictionary<string, string> GatewayMatch(string fleet) => new() { [Fleet] = fleet, [Role] = GatewayRole };

    internal static Dictionary<string, string> GatewayMatch(string fleet, string revision) =>
        new(GatewayMatch(fleet)) { [Revision] = revision };

    internal static Dictionary<string, string> BackendMatch(string fleet, string backend) =>
        new()
        {
            [Backend] = backend,
            [Fleet] = fleet,
            [Role] = BackendRole,
        };

    private static Dictionary<string, string> For(string fleet, string role, string application) =>
        new()
        {
            ["app.kubernetes.io/component"] = role,
            ["app.kubernetes.io/instance"] = fleet,
            [ManagedBy] = Manager,
            ["app.kubernetes.io/name"] = application,
            [Fleet] = fleet,
            [Role] = role,
        };
}
