using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Metrics.External;

/// <summary>Whom the cluster's API server is known by when it passes requests on: <c>extension-apiserver-authentication</c> in <c>kube-system</c>. Immutable.</summary>
/// <remarks>
/// Kubernetes, "Configure the Aggregation Layer": a caller is the API server if its client certificate is of the request-header CA and its common name is one of the
/// allowed ones, where any are named. The API server has authorized the request by then.
/// </remarks>
internal sealed class FrontProxy
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly TrustAnchors _authorities;
    private readonly HashSet<string> _names;

    private FrontProxy(TrustAnchors authorities, HashSet<string> names) => (_authorities, _names) = (authorities, names);

    /// <summary>Reads the ConfigMap; null, with the reason, where it does not say whom to trust.</summary>
    public static FrontProxy? Read(ConfigMap map, out string? problem)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            if (map.Data?.GetValueOrDefault("requestheader-client-ca-file") is { } pem)
            {
                authorities.ImportFromPem(pem);
            }

            if (authorities.Count == 0)
            {
                problem = "the API server has no request-header CA: its aggregation layer is not configured";
                return null;
            }

            var names = map.Data!.GetValueOrDefault("requestheader-allowed-names") is { Length: > 0 } list
                ? JsonSerializer.Deserialize(list, ExternalMetricsJson.Default.StringArray) ?? []
                : [];
            problem = null;
            return new FrontProxy(new TrustAnchors(authorities), names.ToHashSet(StringComparer.Ordinal));
        }
        catch (Exception error) when (error is CryptographicException or JsonException)
        {
            problem = error.Message;
            return null;
        }
    }

    /// <summary>The certificate is the API server's.</summary>
    public bool Accepts(X509Certificate2 certificate)
    {
        using var chain = new X509Chain { ChainPolicy = _authorities.Policy() };
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        chain.Build(certificate);
        return _authorities.EndsHere(chain)
            && (_names.Count == 0 || _names.Contains(certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false)));
    }
}
