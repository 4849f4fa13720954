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

    public HttpMessageInvoker For(Credential credential)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_invoker is not null && ReferenceEquals(_certificates, credential.Certificates))
            {
                return _invoker;
            }

            // The old connections end with their last request; disposing only closes the idle ones.
            _invoker?.Dispose();
            var handler = HandlerFactory.Create(config, credential.Certificates);
            options.ConfigureHandler?.Invoke(handler);
            _certificates = credential.Certificates;
            return _invoker = new HttpMessageInvoker(handler, disposeHandler: true);
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
