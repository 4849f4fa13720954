using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Configuration;

/// <summary>A credential that a program prints (client.authentication.k8s.io), kept until it expires or is refused.</summary>
/// <remarks>The program runs once at a time; requests that need it meanwhile wait for the same run.</remarks>
#pragma warning disable CA1001 // A SemaphoreSlim holds nothing to dispose until its wait handle is asked for.
internal sealed class ExecCredentialSource(ExecEntry entry, ClusterEntry cluster, TimeProvider time) : ICredentialSource
#pragma warning restore CA1001
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile Kept? _kept;

    /// <inheritdoc/>
    public async ValueTask<Credential> GetAsync(CancellationToken cancellationToken)
    {
        if (Fresh() is { } kept)
        {
            return kept;
        }

        await _turn.WaitAsync(cancellationToken);
        try
        {
            return Fresh() ?? await RunAsync(cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public bool Invalidate(Credential refused)
    {
        // Another request may have renewed it already.
        if (_kept is { } kept && ReferenceEquals(kept.Credential, refused))
        {
            Interlocked.CompareExchange(ref _kept, null, kept);
        }

        return true;
    }

    private Credential? Fresh() => _kept is { } kept && (kept.Expires is null || time.GetUtcNow() < kept.Expires) ? kept.Credential : null;

    private async Task<Credential> RunAsync(CancellationToken cancellationToken)
    {
        var output = await ExecPlugin.RunAsync(entry, Info(), cancellationToken);
        ExecCredential? answer;
        try
        {
            answer = JsonSerializer.Deserialize(output, WireJson.Default.ExecCredential);
        }
        catch (JsonException error)
        {
            throw new CredentialException($"{entry.Command}: printed no ExecCredential: {error.Message}", error);
        }

        if (answer?.ApiVersion != entry.ApiVersion)
        {
            throw new CredentialException($"{entry.Command}: printed apiVersion '{answer?.ApiVersion}', not '{entry.ApiVersion}'");
        }

        var status = answer.Status ?? throw new CredentialException($"{entry.Command}: printed no status");
        var hasCertificate = !string.IsNullOrEmpty(status.ClientCertificateData);
        if (hasCertificate != !string.IsNullOrEmpty(status.ClientKeyData) || (!hasCertificate && string.IsNullOrEmpty(status.Token)))
        {
            throw new CredentialException($"{entry.Command}: printed neither a token nor a whole client certificate");
        }

        var credential = new Credential
        {
            Token = string.IsNullOrEmpty(status.Token) ? null : status.Token,
            Certificates = hasCertificate ? Pair(status) : null,
        };
        _kept = new Kept(credential, status.ExpirationTimestamp);
        return credential;
    }

    // The same certificate again must be the same object, or every renewal would open new connections.
    private X509Certificate2Collection Pair(ExecCredentialStatus status)
    {
        var pair = Pem.KeyPair(status.ClientCertificateData!, status.ClientKeyData!);
        return _kept?.Credential.Certificates is { Count: > 0 } old && old[0].Thumbprint == pair[0].Thumbprint ? old : pair;
    }

    private string Info()
    {
        var info = new ExecCredential
        {
            ApiVersion = entry.ApiVersion,
            Kind = "ExecCredential",
            Spec = new ExecCredentialSpec
            {
                // No terminal is ever handed to the program.
                Interactive = false,
                Cluster = entry.ProvideClusterInfo ? ClusterInfo() : null,
            },
        };
        return Encoding.UTF8.GetString(JsonSerializer.SerializeToUtf8Bytes(info, WireJson.Default.ExecCredential));
    }

    private ExecCluster ClusterInfo() =>
        new()
        {
            Server = cluster.Server ?? "",
            TlsServerName = cluster.TlsServerName,
            InsecureSkipTlsVerify = cluster.InsecureSkipTlsVerify ? true : null,
            ProxyUrl = cluster.ProxyUrl,
            CertificateAuthorityData = (
                cluster.CertificateAuthorityData ?? (cluster.CertificateAuthority is { } file ? File.ReadAllBytes(file) : null)
            )
                is { } data
                ? Convert.ToBase64String(data)
                : null,
        };

    private sealed record Kept(Credential Credential, DateTimeOffset? Expires);
}
