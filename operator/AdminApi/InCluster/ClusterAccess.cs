using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways.InCluster;

namespace Mooring.Operator.AdminApi.InCluster;

/// <summary>In a cluster: whoever the API server knows by the token (TokenReview), and may do what is asked by its rules (SubjectAccessReview). Thread-safe.</summary>
/// <remarks>
/// Answers are remembered for ten seconds, as a right that was taken away may last that long. Not more than <see cref="MaxQuestions"/> are asked at a time, and
/// the client is one of its own: a flood of bad tokens takes nothing from the reconciles.
/// </remarks>
/// <param name="client">With a rate limit of its own.</param>
/// <param name="metricsAreOpen">Metrics need no token.</param>
/// <param name="time">The clock.</param>
internal sealed class ClusterAccess(KubernetesClient client, bool metricsAreOpen, TimeProvider time) : IAdminAccess
{
    public const int MaxQuestions = 32;

    private const int MaxEntries = 4096;
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly ResourceType<TokenReview> TokenReviews = ResourceType.For(InClusterJson.Default.TokenReview);
    private static readonly ResourceType<SubjectAccessReview> AccessReviews = ResourceType.For(ReviewJson.Default.SubjectAccessReview);

    private readonly BriefCache<TokenReviewUser?> _users = new(MaxEntries, Lifetime, time);
    private readonly BriefCache<bool> _rights = new(MaxEntries, Lifetime, time);
    private int _questions;

    /// <inheritdoc/>
    public async Task<AccessVerdict> JudgeAsync(HttpContext context, AccessRule rule, string ns, string name)
    {
        if (rule == AccessRule.Metrics && metricsAreOpen)
        {
            return new AccessVerdict("anybody");
        }

        if (BearerToken.Of(context) is not { } token)
        {
            return AccessVerdict.Refuse(
                Problem.Unauthorized(
                    "send the header Authorization: Bearer TOKEN, with a token of this cluster such as kubectl create token's"
                )
            );
        }

        var key = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        if (Remembered(key, rule, ns, name) is { } remembered)
        {
            return remembered;
        }

        if (Interlocked.Increment(ref _questions) > MaxQuestions)
        {
            Interlocked.Decrement(ref _questions);
            return AccessVerdict.Refuse(Problem.Unavailable("too many requests at a time ask who they are"));
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        limit.CancelAfter(Patience);
        try
        {
            return await AskAsync(token, key, rule, ns, name, limit.Token);
        }
        catch (KubernetesException error)
        {
            return AccessVerdict.Refuse(Problem.Unavailable($"the API server does not say who you are: {error.Status.Message}"));
        }
        catch (Exception error)
            when (error is HttpRequestException or TimeoutException or CredentialException or JsonException
                || (error is OperationCanceledException && !context.RequestAborted.IsCancellationRequested)
            )
        {
            return AccessVerdict.Refuse(Problem.Unavailable("the API server does not answer"));
        }
        finally
        {
            Interlocked.Decrement(ref _questions);
        }
    }

    /// <summary>Null: there is something to ask. What needs no question is answered also where too many are open.</summary>
    private AccessVerdict? Remembered(string key, AccessRule rule, string ns, string name) =>
        !_users.TryFind(key, out var user) ? null
        : user?.Username is not { } caller ? Stranger()
        : _rights.TryFind(Question(key, rule, ns, name), out var allowed) ? Verdict(caller, allowed, rule, ns, name)
        : null;

    private async Task<AccessVerdict> AskAsync(
        string token,
        string key,
        AccessRule rule,
        string ns,
        string name,
        CancellationToken cancellation
    )
    {
        if (!_users.TryFind(key, out var user))
        {
            _users.Keep(key, user = await WhoAsync(token, cancellation));
        }

        if (user?.Username is not { } caller)
        {
            return Stranger();
        }

        var question = Question(key, rule, ns, name);
        if (!_rights.TryFind(question, out var allowed))
        {
            _rights.Keep(question, allowed = await MayAsync(user, rule, ns, name, cancellation));
        }

        return Verdict(caller, allowed, rule, ns, name);
    }

    private static string Question(string key, AccessRule rule, string ns, string name) =>
        $"{key} {rule.Verb} {rule.Subresource} {rule.Path} {ns} {name}";

    private static AccessVerdict Stranger() => AccessVerdict.Refuse(Problem.Unauthorized("the API server does not know the token"));

    private static AccessVerdict Verdict(string caller, bool allowed, AccessRule rule, string ns, string name) =>
        allowed ? new AccessVerdict(caller) : AccessVerdict.Refuse(Problem.Forbidden($"{caller} lacks the right: {Text(rule, ns, name)}"));

    private async Task<TokenReviewUser?> WhoAsync(string token, CancellationToken cancellation)
    {
        // For no audience of ours: a token that was made for something else, such as a gateway's stream, opens nothing here.
        var review = new TokenReview { Spec = new TokenReviewSpec { Token = token } };
        var answer = await client.CreateAsync(TokenReviews, review, cancellationToken: cancellation);
        return answer.Status is { Authenticated: true } status ? status.User : null;
    }

    private async Task<bool> MayAsync(TokenReviewUser user, AccessRule rule, string ns, string name, CancellationToken cancellation)
    {
        var review = new SubjectAccessReview
        {
            Spec = new SubjectAccessReviewSpec
            {
                User = user.Username!,
                Uid = user.Uid,
                Groups = user.Groups,
                Extra = user.Extra,
                NonResourceAttributes = rule.Path is { } path ? new PathAttributes(path, rule.Verb) : null,
                ResourceAttributes = rule.Path is null
                    ? new ResourceAttributes(ns, rule.Verb, FleetApi.Group, FleetApi.Version, FleetApi.Plural, rule.Subresource, name)
                    : null,
            },
        };
        var answer = await client.CreateAsync(AccessReviews, review, cancellationToken: cancellation);
        return answer.Status?.Allowed == true;
    }

    private static string Text(AccessRule rule, string ns, string name) =>
        rule.Path is { } path
            ? $"{rule.Verb} {path}"
            : $"{rule.Verb} {FleetApi.Plural}{(rule.Subresource.Length > 0 ? "/" + rule.Subresource : "")}.{FleetApi.Group}"
                + (name.Length > 0 ? $" {name}" : "")
                + (ns.Length > 0 ? $" in namespace {ns}" : " in all namespaces");
}
