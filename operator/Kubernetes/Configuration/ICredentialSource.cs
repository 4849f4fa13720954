using System.Security.Cryptography.X509Certificates;

namespace Mooring.Kubernetes.Configuration;

/// <summary>Where a client's credential comes from. Implementations are thread-safe.</summary>
public interface ICredentialSource
{
    /// <summary>The credential to use now. Cheap when nothing has to be renewed; called before every request.</summary>
    /// <exception cref="CredentialException">None could be had.</exception>
    ValueTask<Credential> GetAsync(CancellationToken cancellationToken);

    /// <summary>The server refused <paramref name="refused"/> with 401. Returns whether another one may be had by asking again.</summary>
    bool Invalidate(Credential refused);
}

/// <summary>What a client shows to the server. Immutable; equality is by reference.</summary>
public sealed class Credential
{
    public static readonly Credential None = new();

    /// <summary>Bearer token; null for none.</summary>
    public string? Token { get; init; }

    /// <summary>User of HTTP basic authentication; null for none.</summary>
    public string? Username { get; init; }

    public string? Password { get; init; }

    /// <summary>Client certificate with its key, then its intermediates; null for none.</summary>
    public X509Certificate2Collection? Certificates { get; init; }

    /// <summary>Never the secrets.</summary>
    public override string ToString() =>
        Certificates is not null ? "client certificate"
        : Token is not null ? "token"
        : Username is not null ? "basic"
        : "none";
}

/// <summary>No credential could be had: a file cannot be read, or an exec plugin failed.</summary>
public sealed class CredentialException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>A credential that never changes.</summary>
public sealed class StaticCredential(Credential credential) : ICredentialSource
{
    /// <inheritdoc/>
    public ValueTask<Credential> GetAsync(CancellationToken cancellationToken) => ValueTask.FromResult(credential);

    /// <inheritdoc/>
    public bool Invalidate(Credential refused) => false;
}
