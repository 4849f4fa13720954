using System.Security.Cryptography;
using System.Text;

namespace Mooring.Operator.AdminApi;

/// <summary>On one machine: whoever has the token may do everything, and where nobody else can reach the port, everybody may look. Thread-safe.</summary>
/// <param name="token">The token.</param>
/// <param name="readsAreOpen">Looking needs no token.</param>
/// <param name="metricsAreOpen">Nor do metrics.</param>
internal sealed class TokenAccess(string token, bool readsAreOpen, bool metricsAreOpen) : IAdminAccess
{
    private readonly byte[] _hash = Hash(token);

    /// <inheritdoc/>
    public Task<AccessVerdict> JudgeAsync(HttpContext context, AccessRule rule, string ns, string name) =>
        Task.FromResult(Judge(BearerToken.Of(context), rule));

    private AccessVerdict Judge(string? given, AccessRule rule)
    {
        if (given is null)
        {
            return (rule.OnlyReads && readsAreOpen) || (rule == AccessRule.Metrics && metricsAreOpen)
                ? new AccessVerdict("anybody")
                : AccessVerdict.Refuse(
                    Problem.Unauthorized("send the header Authorization: Bearer TOKEN; the operator said at its start where the token is")
                );
        }

        // Of hashes, so that neither time nor length tells anything.
        return CryptographicOperations.FixedTimeEquals(Hash(given), _hash)
            ? new AccessVerdict("the token's holder")
            : AccessVerdict.Refuse(Problem.Unauthorized("the token is not this operator's"));
    }

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
