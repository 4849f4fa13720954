using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Mooring.Kubernetes.Client;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Metrics.External;

/// <summary>Keeps what the metrics API needs from the cluster: whom to answer (the front proxy), and that the cluster trusts our certificate (the APIService).</summary>
/// <remarks><see cref="Accepts"/> is for any thread; <see cref="RefreshAsync"/> for one at a time.</remarks>
internal sealed class MetricsApiServer(KubernetesClient client, string ns, string service, ILogger log, TimeProvider time)
{
    public static readonly ResourceType<ApiService> Registrations = new(
        "apiregistration.k8s.io",
        "v1",
        "apiservices",
        "APIService",
        namespaced: false,
        ExternalMetricsJson.Default.ApiService
    );

    // Anybody who reaches the port can be refused.
    private static readonly TimeSpan RefusalPause = TimeSpan.FromMinutes(1);
    private const int MaxRefusedName = 200;

    private readonly Lock _refusals = new();
    private DateTimeOffset _quietUntil;
    private volatile FrontProxy? _proxy;

    /// <summary>The client is the API server. One that is not is told in the log, once a minute at most.</summary>
    public bool Accepts(X509Certificate2 certificate)
    {
        if (_proxy?.Accepts(certificate) == true)
        {
            return true;
        }

        var now = time.GetUtcNow();
        lock (_refusals)
        {
            if (now < _quietUntil)
            {
                return false;
            }

            _quietUntil = now + RefusalPause;
        }

        Run.Log.MetricsApiRefused(log, Cut(certificate.Subject), Cut(certificate.Issuer));
        return false;
    }

    /// <summary>Reads both anew. Returns what is wrong, for the log; null: nothing.</summary>
    /// <exception cref="KubernetesException">The API server refuses.</exception>
    public async Task<string?> RefreshAsync(string authorityBundle, CancellationToken cancellation)
    {
        var map = await client.FindAsync(ClusterResources.ConfigMaps, "kube-system", "extension-apiserver-authentication", cancellation);
        string? problem = "kube-system has no ConfigMap extension-apiserver-authentication";
        _proxy = map is null ? null : FrontProxy.Read(map, out problem);
        if (_proxy is null)
        {
            return problem;
        }

        var registration = await client.FindAsync(Registrations, null, ExternalMetricsApi.Registration, cancellation);
        if (registration is null)
        {
            return $"there is no APIService {ExternalMetricsApi.Registration}: install the chart with metricsApi.enabled, or use driver Operator";
        }

        if (registration.Spec?.Service is not { } owner || owner.Name != service || owner.Namespace != ns)
        {
            return $"the APIService {ExternalMetricsApi.Registration} belongs to {registration.Spec?.Service?.Namespace}/{registration.Spec?.Service?.Name}: use driver Operator";
        }

        var bundle = Encoding.UTF8.GetBytes(authorityBundle);
        if (registration.Spec.CaBundle is null || !registration.Spec.CaBundle.AsSpan().SequenceEqual(bundle))
        {
            var text = JsonEncodedText.Encode(Convert.ToBase64String(bundle)).Value;
            await client.PatchAsync(
                Registrations,
                null,
                ExternalMetricsApi.Registration,
                Patch.Merge($$$"""{"spec":{"caBundle":"{{{text}}}"}}"""),
                cancellationToken: cancellation
            );
        }

        return null;
    }

    private static string Cut(string name) => name.Length <= MaxRefusedName ? name : name[..MaxRefusedName];
}
