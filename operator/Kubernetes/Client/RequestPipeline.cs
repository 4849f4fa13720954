using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Telemetry;

namespace Mooring.Kubernetes.Client;

/// <summary>Sends requests: rate limit, credential, retries, metrics. Thread-safe.</summary>
internal sealed partial class RequestPipeline(ClusterConfig config, KubernetesClientOptions options, TimeProvider time, ILogger logger)
    : IDisposable
{
    private readonly TokenBucket _bucket = new(options.QueriesPerSecond, Math.Max(1, options.Burst), time);
    private readonly ConnectionHolder _connections = new(config, options);
    private readonly string _base = config.Server.GetLeftPart(UriPartial.Path).TrimEnd('/');

    /// <inheritdoc cref="KubernetesClient.MayWrite"/>
    public Func<bool>? MayWrite { get; set; }

    /// <inheritdoc cref="KubernetesClient.Witness"/>
    public IApiWitness? Witness { get; set; }

    /// <summary>Sends, and reads the whole answer.</summary>
    /// <exception cref="KubernetesException">The server answered with an error, and trying again did not help.</exception>
    /// <exception cref="HttpRequestException">The server could not be reached, or the connection broke.</exception>
    /// <exception cref="TimeoutException">The server was too slow.</exception>
    public async Task<byte[]> SendAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        using var answer = await SendAsync(request, readBody: true, cancellationToken);
        return answer.Body;
    }

    /// <summary>Sends, and returns as soon as the headers are there. The caller disposes the answer.</summary>
    /// <inheritdoc cref="SendAsync(ApiRequest, CancellationToken)" path="/exception"/>
    public async Task<HttpResponseMessage> OpenAsync(ApiRequest request, CancellationToken cancellationToken) =>
        (await SendAsync(request, readBody: false, cancellationToken)).Response;

    public void Dispose() => _connections.Dispose();

    private async Task<Answer> SendAsync(ApiRequest request, bool readBody, CancellationToken cancellationToken)
    {
        var maxRetries = request.MaxRetries ?? options.MaxRetries;
        var refreshed = false;
        for (var attempt = 0; ; attempt++)
        {
            if (!request.Unthrottled && await _bucket.WaitAsync(cancellationToken) is { Ticks: > 0 } waited)
            {
                KubernetesMetrics.Throttled(waited);
            }

            var credential = await config.Credentials.GetAsync(cancellationToken);
            TimeSpan delay;
            string reason;
            try
            {
                var answer = await AttemptAsync(request, credential, readBody, cancellationToken);
                if (answer.Response.IsSuccessStatusCode)
                {
                    return answer;
                }

                using (answer)
                {
                    var error = answer.ToException(request);
                    if (error.Code == HttpStatusCode.Unauthorized && !refreshed && config.Credentials.Invalidate(credential))
                    {
                        refreshed = true;
                        KubernetesMetrics.Retried(request.Verb, "unauthorized");
                        continue;
                    }

                    if (attempt >= maxRetries || !MayRetry(request, error, attempt, out delay))
                    {
                        throw error;
                    }

                    reason = ((int)error.Code).ToString(CultureInfo.InvariantCulture);
                }
            }
            catch (HttpRequestException error) when (request.IsSafe && attempt < maxRetries && IsBrokenConnection(error))
            {
                delay = Backoff(attempt);
                reason = "connection";
            }

            KubernetesMetrics.Retried(request.Verb, reason);
            LogRetry(request.Verb, request.Target, reason, delay);
            await Task.Delay(delay, time, cancellationToken);
        }
    }

    private async Task<Answer> AttemptAsync(ApiRequest request, Credential credential, bool readBody, CancellationToken cancellationToken)
    {
        using var activity = KubernetesMetrics.Activities.StartActivity($"k8s {request.Verb} {request.Resource}", ActivityKind.Client);
        if (!request.IsRead && !request.Unthrottled && MayWrite is { } mayWrite && !mayWrite())
        {
            throw new HttpRequestException(HttpRequestError.UserAuthenticationError, $"{request}: not sent, the term of leading is over");
        }

        activity?.SetTag("http.request.method", request.Method.Method).SetTag("server.address", config.Server.Host);
        using var message = Message(request, credential);
        using var timeout = new CancellationTokenSource(request.AttemptTimeout ?? options.AttemptTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        var started = time.GetTimestamp();
        var code = "error";
        HttpResponseMessage? response = null;
        KubernetesMetrics.RequestStarted(request.Verb, request.Resource);
        try
        {
            response = await _connections.SendAsync(credential, message, either.Token);
            code = ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture);
            activity?.SetTag("http.response.status_code", (int)response.StatusCode);
            var whole = readBody || !response.IsSuccessStatusCode;
            var body = whole ? await BoundedBody.ReadAsync(response.Content, options.MaxResponseBytes, either.Token) : [];
            var answer = new Answer(response, body);
            response = null;
            return answer;
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            code = "timeout";
            // Else the handler gave up by itself: a server that takes connections and says nothing, not even of TLS.
            throw timeout.IsCancellationRequested
                ? new TimeoutException($"{request}: no answer within {request.AttemptTimeout ?? options.AttemptTimeout}", error)
                : new TimeoutException($"{request}: {error.InnerException?.Message ?? error.Message}", error);
        }
        catch (HttpRequestException error) when (error.InnerException is { } cause)
        {
            // "The SSL connection could not be established, see inner exception" helps nobody who reads a log.
            throw new HttpRequestException(error.HttpRequestError, $"{request}: {cause.Message}", error, error.StatusCode);
        }
        catch (IOException error)
        {
            throw new HttpRequestException(HttpRequestError.ResponseEnded, $"{request}: {error.Message}", error);
        }
        finally
        {
            response?.Dispose();
            if (code is not ['2', ..])
            {
                activity?.SetStatus(ActivityStatusCode.Error, code);
            }

            var took = time.GetElapsedTime(started);
            KubernetesMetrics.RequestEnded(request.Verb, request.Resource, code, took);
            Testify(request, code, took, cancellationToken.IsCancellationRequested);
        }
    }

    // What the caller gave up says nothing of the server.
    private void Testify(ApiRequest request, string code, TimeSpan took, bool givenUp)
    {
        if (code is not ("error" or "timeout"))
        {
            Witness?.Answered(request.Verb, request.Resource, took);
        }
        else if (!givenUp)
        {
            Witness?.Unanswered(request.Verb, request.Resource);
        }
    }

    private HttpRequestMessage Message(ApiRequest request, Credential credential)
    {
        var message = new HttpRequestMessage(request.Method, _base + request.Target)
        {
            Version = config.Server.Scheme == Uri.UriSchemeHttps ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        var headers = message.Headers;
        headers.TryAddWithoutValidation("User-Agent", options.UserAgent);
        headers.TryAddWithoutValidation("Accept", "application/json");
        if (config.TlsServerName is { } name)
        {
            // The only way to set SNI and the verified name apart from the address that is dialled.
            headers.Host = name;
        }

        if (credential.Token is { } token)
        {
            headers.Authorization = Bearer(token);
        }
        else if (credential.Username is { } user)
        {
            var pair = System.Text.Encoding.UTF8.GetBytes($"{user}:{credential.Password}");
            headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(pair));
        }

        if (config.Impersonate is { } other)
        {
            AddImpersonation(headers, other);
        }

        if (request.ContentType is { } contentType)
        {
            message.Content = new ReadOnlyMemoryContent(request.Body);
            message.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        }

        return message;
    }

    private static AuthenticationHeaderValue Bearer(string token)
    {
        try
        {
            return new AuthenticationHeaderValue("Bearer", token);
        }
        catch (FormatException error)
        {
            throw new CredentialException($"the token is none that can be sent: {error.Message}", error);
        }
    }

    private static void AddImpersonation(HttpRequestHeaders headers, Impersonation other)
    {
        headers.TryAddWithoutValidation("Impersonate-User", other.User);
        if (other.Uid is { } uid)
        {
            headers.TryAddWithoutValidation("Impersonate-Uid", uid);
        }

        foreach (var group in other.Groups)
        {
            headers.TryAddWithoutValidation("Impersonate-Group", group);
        }

        foreach (var (key, values) in other.Extra)
        {
            headers.TryAddWithoutValidation($"Impersonate-Extra-{Uri.EscapeDataString(key)}", values);
        }
    }

    private bool MayRetry(ApiRequest request, KubernetesException error, int attempt, out TimeSpan delay)
    {
        delay = Backoff(attempt);
        if (error.RetryAfter is { } asked && (error.Code == HttpStatusCode.TooManyRequests || (int)error.Code >= 500))
        {
            // Spread, so that clients turned away together do not return together.
            delay = asked + TimeSpan.FromMilliseconds(Random.Shared.Next(0, 250));
            return asked <= options.MaxRetryDelay;
        }

        return error.Code == HttpStatusCode.TooManyRequests
            || (
                request.IsSafe
                && error.Code is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout
            );
    }

    private static TimeSpan Backoff(int attempt) =>
        TimeSpan.FromMilliseconds(100 * (1 << Math.Min(attempt, 6)) * (0.5 + (Random.Shared.NextDouble() / 2)));

    // A server that is not there at all is the caller's to wait for; a connection that broke under the request is ours.
    private static bool IsBrokenConnection(HttpRequestException error) =>
        error.HttpRequestError is HttpRequestError.ResponseEnded or HttpRequestError.HttpProtocolError or HttpRequestError.Unknown
        && error.StatusCode is null;

    [LoggerMessage(1, LogLevel.Debug, "{Verb} {Target}: {Reason}, trying again in {Delay}")]
    private partial void LogRetry(string verb, string target, string reason, TimeSpan delay);
}
