using System.Text.RegularExpressions;
using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Operators;

/// <summary>A user with exactly the rights that the chart gives the operator, and a namespace for its Lease and certificates.</summary>
internal sealed partial class OperatorRole
{
    /// <summary>Name of the Lease, as <see cref="OperatorProcess"/> gives it to the operator.</summary>
    public const string LeaseName = "operator";

    private OperatorRole(string user, string ns, string kubeconfig, string lease = LeaseName) =>
        (User, Namespace, Kubeconfig, Lease) = (user, ns, kubeconfig, lease);

    public string User { get; }

    public string Namespace { get; }

    public string Kubeconfig { get; }

    public string Lease { get; }

    /// <summary>The ServiceAccount of an installed chart, whose release has the name too.</summary>
    public static async Task<OperatorRole> OfReleaseAsync(TestCluster cluster, string ns, string release)
    {
        var token = await cluster.Kubectl.RunAsync("create", "token", release, "-n", ns, "--duration=1h");
        return new OperatorRole(
            $"system:serviceaccount:{ns}:{release}",
            ns,
            cluster.WriteTokenKubeconfig($"{ns}-{release}", token.Trim()),
            release
        );
    }

    /// <summary>The same user by way of another address.</summary>
    public OperatorRole Via(TestCluster cluster, Uri server) => new(User, Namespace, cluster.WriteKubeconfigVia(User, server), Lease);

    /// <param name="cluster">Where.</param>
    /// <param name="change">What becomes of the chart's rules, as YAML; null: they stay as they are.</param>
    public static async Task<OperatorRole> CreateAsync(TestCluster cluster, Func<string, string>? change = null)
    {
        var ns = await cluster.CreateNamespaceAsync("operator");
        var user = $"user-{ns}";
        foreach (var (kind, whole) in ChartRules())
        {
            var rules = change?.Invoke(whole) ?? whole;
            var (role, scope) =
                kind == "Role"
                    ? ($"{ns}-own", $"namespace: {ns}")
                    : ($"{ns}-{rules.GetHashCode(StringComparison.Ordinal):x}", "labels: {}");
            await cluster.Kubectl.ApplyAsync(
                $"""
                apiVersion: rbac.authorization.k8s.io/v1
                kind: {kind}
                metadata:
                  name: {role}
                  {scope}
                rules:
                {rules}
                ---
                apiVersion: rbac.authorization.k8s.io/v1
                kind: {kind}Binding
                metadata:
                  name: {role}
                  {scope}
                roleRef: {"{"}apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {role}{"}"}
                subjects: [{"{"}kind: User, name: {user}, apiGroup: rbac.authorization.k8s.io{"}"}]
                """,
                ns
            );
        }

        return new OperatorRole(user, ns, cluster.WriteKubeconfig(user));
    }

    /// <summary>The rules of the chart's templates: those for fleets, those for tokens, those of the operator's own namespace, and that for the registration of the metrics API.</summary>
    private static IEnumerable<(string Kind, string Rules)> ChartRules()
    {
        var registration = Template("metrics-api.yaml");
        var text = (
            Template("rbac.yaml") + registration[registration.IndexOf("---\n# Tells the cluster", StringComparison.Ordinal)..]
        ).Replace("resourceNames: [{{ $name | quote }}]", $"resourceNames: [{LeaseName}]", StringComparison.Ordinal);
        yield return ("ClusterRole", string.Concat(FleetRules().Matches(text).Select(static match => match.Groups["rules"].Value)));
        // As with the default values, which leave nothing out.
        foreach (Match match in PlainRules().Matches(Conditions().Replace(text, "")))
        {
            yield return (match.Groups["kind"].Value, match.Groups["rules"].Value);
        }
    }

    private static string Template(string name) => File.ReadAllText(RepositoryRoot.File("charts", "mooring", "templates", name));

    [GeneratedRegex("""^ *\{\{- (if \.Values\.[^\n]*|end) \}\}\n""", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Conditions();

    [GeneratedRegex(
        """define "mooring\.(kind|child)Rules" -?\}\}\n(?<rules>.*?)\{\{-? end""",
        RegexOptions.Singleline | RegexOptions.ExplicitCapture
    )]
    private static partial Regex FleetRules();

    [GeneratedRegex(
        """kind: (?<kind>Role|ClusterRole)\n((?!---)[^\n]*\n)*?rules:\n(?<rules>([ -][^\n]*\n)+)""",
        RegexOptions.ExplicitCapture
    )]
    private static partial Regex PlainRules();
}
