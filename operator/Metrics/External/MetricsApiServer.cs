using System.Text;
using System.Text.Json;
using Mooring.Kubernetes.Client;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Metrics.External;

/// <summary>Keeps what the metrics API needs from the cluster: whom to answer (the front proxy), and that the cluster trusts our certificate (the APIService).</summary>
/// <remarks><see cref="Proxy"/> is for any thread; <see cref="RefreshAsync"/> for one at a time.</remarks>
internal sealed class MetricsApiServer(KubernetesClient client, string ns, string service)
{
    public static readonly ResourceType<ApiService> Registrations = new(
        "apiregistration.k8s.io",
        "v1",
        "apiservices",
        "APIService",
        namespaced: false,
        ExternalMetricsJson.Default.ApiService
    );

    private volatile FrontProxy? _proxy;

    /// <summary>Null: nobody is answered.</summary>
    public FrontProxy? Proxy => _proxy;

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
}
