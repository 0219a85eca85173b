local hs = {status = "Progressing", message = "no gateway has taken the pool up"}
for _, parent in ipairs(obj.status and obj.status.parents or {}) do
  for _, condition in ipairs(parent.conditions or {}) do
    if condition.type == "Accepted" or condition.type == "ResolvedRefs" then
      if condition.status ~= "True" then
        return {status = "Degraded", message = condition.message}
      end
      hs = {status = "Healthy", message = "taken up by a gateway"}
    end
  end
end
return hs
