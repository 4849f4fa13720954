using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Mooring.Kubernetes.Configuration;

namespace Mooring.Kubernetes.Client;

/// <summary>The connections of a client; new ones when the client certificate changes. Thread-safe.</summary>
/// <remarks>A certificate belongs to a connection, not to a request, so a rotated one needs connections of its own.</remarks>
internal sealed class ConnectionHolder(ClusterConfig config, KubernetesClientOptions options) : IDisposable
{
    private readonly Lock _lock = new();
    private HttpMessageInvoker? _invoker;
    private X509Certificate2Collection? _certificates;
    private bool _disposed;

    public bool IsDisposed
    {
        get
        {
            lock (_lock)
            {
                return _disposed;
            }
        }
    }

    /// <exception cref="CredentialException">No connection can be made with the client certificate.</exception>
    public HttpMessageInvoker For(Credential credential)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_invoker is not null && ReferenceEquals(_certificates, credential.Certificates))
            {
                return _invoker;
            }

            var handler = Create(credential);
            // The old connections end with their last request; disposing only closes the idle ones.
            _invoker?.Dispose();
            options.ConfigureHandler?.Invoke(handler);
            _certificates = credential.Certificates;
            return _invoker = new HttpMessageInvoker(handler, disposeHandler: true);
        }
    }

    private SocketsHttpHandler Create(Credential credential)
    {
        try
        {
            return HandlerFactory.Create(config, credential.Certificates);
        }
        catch (Exception error)
            when (credential.Certificates is not null
                && error is CryptographicException or ArgumentException or NotSupportedException or InvalidOperationException
            )
        {
            throw new CredentialException($"the client certificate is not usable: {error.Message}", error);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _invoker?.Dispose();
        }
    }
}
