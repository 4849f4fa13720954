using System.Text.Json;

namespace Mooring.Operator.AdminApi;

/// <summary>Why a request was not done, as RFC 9457 has it (<c>application/problem+json</c>). Immutable.</summary>
/// <param name="Status">HTTP status code.</param>
/// <param name="Title">The same for every problem of the kind.</param>
/// <param name="Detail">What was wrong this time, for people.</param>
internal sealed record Problem(int Status, string Title, string Detail)
{
    public const string ContentType = "application/problem+json";

    /// <summary>The kinds have no pages of their own: the status says it.</summary>
    public string Type { get; init; } = "about:blank";

    /// <summary>What of the request is at fault; null: nothing in particular.</summary>
    public IReadOnlyList<ProblemField>? Errors { get; init; }

    /// <summary>When to try again; null: a repeat would not help, or nobody knows.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public TimeSpan? RetryAfter { get; init; }

    public static Problem BadRequest(string field, string message) => Of(400, "Bad Request", field, message);

    /// <summary>The request is well formed, and what it asks for is not allowed by the fleet's spec.</summary>
    public static Problem Unprocessable(string field, string message) => Of(422, "Unprocessable Content", field, message);

    public static Problem NotFound(string detail) => new(404, "Not Found", detail);

    /// <summary>The fleet or gateway is in a state in which it cannot be done.</summary>
    public static Problem Conflict(string detail) => new(409, "Conflict", detail);

    public static Problem Unavailable(string detail) => new(503, "Service Unavailable", detail) { RetryAfter = TimeSpan.FromSeconds(2) };

    public static Problem Unauthorized(string detail) => new(401, "Unauthorized", detail);

    public static Problem Forbidden(string detail) => new(403, "Forbidden", detail);

    /// <summary>Answers with it.</summary>
    public Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = Status;
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";
        if (Status == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = "Bearer realm=\"mooring\"";
        }

        if (RetryAfter is { } wait)
        {
            response.Headers.RetryAfter = ((int)Math.Ceiling(wait.TotalSeconds)).ToString(
                System.Globalization.CultureInfo.InvariantCulture
            );
        }

        return response
            .Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(this, AdminJson.Default.Problem), context.RequestAborted)
            .AsTask();
    }

    private static Problem Of(int status, string title, string field, string message) =>
        new(status, title, $"{field}: {message}") { Errors = [new ProblemField(field, message)] };
}

/// <param name="Field">Path in the request's body or address, such as <c>instances</c>.</param>
/// <param name="Message">What is wrong with it.</param>
internal sealed record ProblemField(string Field, string Message);
