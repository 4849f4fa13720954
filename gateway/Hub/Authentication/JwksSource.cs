namespace Mooring.Gateway.Hub.Authentication;

/// <summary>A set of keys behind an URL, with the client that fetches it.</summary>
internal sealed class JwksSource : IDisposable
{
    private readonly HttpClient _http;

    public JwksSource(string url, TimeProvider time)
    {
        _http = new HttpClient(
            new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                UseProxy = false,
                PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            }
        )
        {
            MaxResponseContentBufferSize = JwksCache.MaxBytes,
        };
        var uri = new Uri(url);
        Cache = new JwksCache(async cancellation => await _http.GetByteArrayAsync(uri, cancellation), time);
    }

    public JwksCache Cache { get; }

    public void Dispose() => _http.Dispose();
}
