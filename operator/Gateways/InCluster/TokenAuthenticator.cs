using Microsoft.Net.Http.Headers;
using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Client;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Gateways.InCluster;

/// <summary>Lets a gateway in that shows the token of its own pod, as the API server confirms. Thread-safe.</summary>
/// <remarks>
/// The token is a projected one with the audience <see cref="StreamLimits.TokenAudience"/>, of the fleet's ServiceAccount and bound to a pod: so a
/// gateway can speak for its own fleet and name only, and a token that leaked dies with its pod.
/// </remarks>
internal sealed class TokenAuthenticator(KubernetesClient client) : IGatewayAuthenticator
{
    private const string Scheme = "Bearer ";

    // A projected token is about 1.2 KB.
    private const int MaxTokenLength = 16 * 1024;
    private const string PodNameClaim = "authentication.kubernetes.io/pod-name";

    private static readonly ResourceType<TokenReview> TokenReviews = ResourceType.For(InClusterJson.Default.TokenReview);

    /// <inheritdoc/>
    public async ValueTask<string?> RefuseAsync(HttpContext context, HelloMessage hello, CancellationToken cancellation)
    {
        var header = context.Request.Headers[HeaderNames.Authorization].ToString();
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || header.Length > MaxTokenLength)
        {
            return "no bearer token";
        }

        try
        {
            return Judge(hello, await ReviewAsync(header[Scheme.Length..].Trim(), cancellation));
        }
        catch (Exception error) when (error is not (OperationCanceledException or OutOfMemoryException))
        {
            return "the API server could not be asked about the token";
        }
    }

    /// <summary>Says from the API server's verdict why the peer is not who it says it is; null: it is. Pure.</summary>
    internal static string? Judge(HelloMessage hello, TokenReviewStatus? verdict)
    {
        if (verdict is not { Authenticated: true } || verdict.Audiences?.Contains(StreamLimits.TokenAudience) != true)
        {
            return "the token is not good";
        }

        var slash = hello.Fleet.IndexOf('/');
        var (ns, fleet) = (hello.Fleet[..slash], hello.Fleet[(slash + 1)..]);
        if (
            verdict.User?.Username
            != $"system:serviceaccount:{ns}:{(hello.Role == StreamRole.Tuner ? ResourceNames.Tuner(fleet) : ResourceNames.Gateway(fleet))}"
        )
        {
            return "the token is of another ServiceAccount";
        }

        return verdict.User.Extra?.GetValueOrDefault(PodNameClaim) is [var pod] && pod == hello.Gateway
            ? null
            : "the token is of another pod";
    }

    private async Task<TokenReviewStatus?> ReviewAsync(string token, CancellationToken cancellation)
    {
        var review = new TokenReview
        {
            Spec = new TokenReviewSpec { Token = token, Audiences = [StreamLimits.TokenAudience] },
        };
        return (await client.CreateAsync(TokenReviews, review, cancellationToken: cancellation)).Status;
    }
}
