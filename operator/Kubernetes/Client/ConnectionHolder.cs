using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Mooring.Kubernetes.Configuration;

namespace Mooring.Kubernetes.Client;

/// <summary>The connections of a client; new ones when the client certificate changes. Thread-safe.</summary>
/// <remarks>A certificate belongs to a connection, not to a request, so a rotated one needs connections of its own.</remarks>
internal sealed class ConnectionHolder(ClusterConfig config, KubernetesClientOptions options) : IDisposable
{
    private readonly Lock _lock = new();
    private Connections? _current;
    private X509Certificate2Collection? _certificates;
    private bool _disposed;

    /// <summary>Sends by the connections of this credential's certificate, and returns as soon as the headers of the answer are there.</summary>
    /// <exception cref="CredentialException">No connection can be made with the client certificate.</exception>
    public async Task<HttpResponseMessage> SendAsync(Credential credential, HttpRequestMessage message, CancellationToken cancellationToken)
    {
        var connections = Take(credential);
        try
        {
            return await connections.Invoker.SendAsync(message, cancellationToken);
        }
        finally
        {
            Leave(connections);
        }
    }

    private Connections Take(Credential credential)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_current is null || !ReferenceEquals(_certificates, credential.Certificates))
            {
                var handler = Create(credential);
                options.ConfigureHandler?.Invoke(handler);
                if (_current is { } older)
                {
                    older.IsRetired = true;
                    older.DisposeIfDone();
                }

                _certificates = credential.Certificates;
                _current = new Connections(new HttpMessageInvoker(handler, disposeHandler: true));
            }

            _current.Users++;
            return _current;
        }
    }

    private void Leave(Connections connections)
    {
        lock (_lock)
        {
            connections.Users--;
            connections.DisposeIfDone();
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
            _current?.Invoker.Dispose();
        }
    }

    /// <summary>Those of one certificate. Changed under the holder's lock.</summary>
    private sealed class Connections(HttpMessageInvoker invoker)
    {
        public HttpMessageInvoker Invoker => invoker;

        /// <summary>Requests that have taken them and have no answer yet: to those they must not be disposed of.</summary>
        public int Users { get; set; }

        /// <summary>Others have come in their place.</summary>
        public bool IsRetired { get; set; }

        // What is still being answered goes on; disposing only closes the idle ones.
        public void DisposeIfDone()
        {
            if (IsRetired && Users == 0)
            {
                invoker.Dispose();
            }
        }
    }
}
